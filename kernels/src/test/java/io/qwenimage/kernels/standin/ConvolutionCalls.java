package io.qwenimage.kernels.standin;

import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The calls of cuDNN 9 that we use: convolutions of pictures whose channels come last, with a bias and a sum. They
 * check every descriptor that they are given and refuse what the library refuses: what it does not offer without a
 * finding, what is a fault of the caller with one. Rules are those of cudnnConvolutionForward and
 * cudnnConvolutionBiasActivationForward in NVIDIA's "cuDNN Backend API", and of "Legacy API" in its developer guide for
 * tensor cores; limits of descriptors were seen in cuDNN 9.26.
 */
final class ConvolutionCalls {
    static final int BAD_PARAM = 2000;
    static final int NOT_SUPPORTED = 3000;

    /** The version as which it poses: that of the bindings. */
    private static final int VERSION = 91900;
    private static final int NOT_INITIALIZED = 1001;

    private static final int IMPLICIT_GEMM = 0;
    private static final int IMPLICIT_PRECOMP_GEMM = 1;
    private static final int WINOGRAD_NONFUSED = 7;
    /** cudnnConvolutionFwdAlgoPerf_t: algorithm, status, time, memory, determinism, mathematics, three reserved. */
    private static final int CHOICE_BYTES = 48;
    private static final long UNKNOWN_SIZE = -1;
    private static final int DETERMINISTIC = 1;

    private final StandIn standIn;
    private final LibraryObjects objects;
    private String lastError = "";

    /** A cudnnHandle_t. */
    private static final class Library {
        private final PosedContext context;
        private long stream;

        private Library(final PosedContext context) {
            this.context = context;
        }
    }

    ConvolutionCalls(final StandIn standIn) {
        this.standIn = standIn;
        objects = new LibraryObjects(standIn, NOT_INITIALIZED);
    }

    Map<String, Call> calls() {
        final Map<String, Call> calls = new HashMap<>();
        calls.put("cudnnGetVersion", arguments -> VERSION);
        calls.put("cudnnGetLastErrorString", Call.of(this::tellLastError));
        calls.put("cudnnCreate", Call.of(arguments ->
                objects.open(arguments, new Library(standIn.session().current()))));
        calls.put("cudnnDestroy", Call.of(arguments -> {
            // As the library does.
            standIn.streams().synchronizeContext();
            objects.close(arguments, Library.class);
        }));
        calls.put("cudnnSetStream", Call.of(this::setStream));
        put(calls, "Tensor", ConvolutionDescriptor.Tensor.class, ConvolutionDescriptor.Tensor::new);
        put(calls, "Filter", ConvolutionDescriptor.Filter.class, ConvolutionDescriptor.Filter::new);
        put(calls, "Convolution", ConvolutionDescriptor.Convolution.class, ConvolutionDescriptor.Convolution::new);
        put(calls, "Activation", ConvolutionDescriptor.Activation.class, ConvolutionDescriptor.Activation::new);
        calls.put("cudnnSetTensor4dDescriptor", remembering(a -> objects.get(a, 0, ConvolutionDescriptor.Tensor.class)
                .set(new ConvolutionDescriptor.Tensor.Extents(a.number(1), a.number(2), a.number(3), a.number(4),
                        a.number(5), a.number(6)))));
        calls.put("cudnnSetFilter4dDescriptor", remembering(a -> objects.get(a, 0, ConvolutionDescriptor.Filter.class)
                .set(new ConvolutionDescriptor.Filter.Extents(a.number(2), a.number(1), a.number(3), a.number(4),
                        a.number(5), a.number(6)))));
        calls.put("cudnnSetConvolution2dDescriptor", remembering(a ->
                objects.get(a, 0, ConvolutionDescriptor.Convolution.class).set(
                        new ConvolutionDescriptor.Convolution.Movement(a.number(1), a.number(2), a.number(3),
                                a.number(4)), a.number(5), a.number(6), a.number(7), a.number(8))));
        calls.put("cudnnSetConvolutionMathType", remembering(a ->
                objects.get(a, 0, ConvolutionDescriptor.Convolution.class).setMathType(a.number(1))));
        calls.put("cudnnSetActivationDescriptor", remembering(a ->
                objects.get(a, 0, ConvolutionDescriptor.Activation.class).set(a.number(1), a.number(2))));
        calls.put("cudnnGetConvolutionForwardAlgorithm_v7", remembering(this::choose));
        calls.put("cudnnGetConvolutionForwardWorkspaceSize", remembering(a -> {
            final ConvolutionShape shape = shape(a, 1, 2, 3, 4);
            shape.requireOffered(a.number(5));
            a.pointer(6).setLong(0, shape.workspaceBytes());
        }));
        calls.put("cudnnConvolutionForward", remembering(this::convolve));
        calls.put("cudnnConvolutionBiasActivationForward", remembering(this::convolveWithBias));
        return calls;
    }

    private void put(final Map<String, Call> calls, final String kind,
                     final Class<? extends ConvolutionDescriptor> type, final Supplier<ConvolutionDescriptor> maker) {
        calls.put("cudnnCreate" + kind + "Descriptor", Call.of(arguments -> objects.open(arguments, maker.get())));
        calls.put("cudnnDestroy" + kind + "Descriptor", Call.of(arguments -> objects.close(arguments, type)));
    }

    /** Keeps why a call was refused, for whoever asks for it next. */
    private Call remembering(final Consumer<Arguments> action) {
        return arguments -> {
            try {
                action.accept(arguments);
                return Call.SUCCESS;
            } catch (final Answer e) {
                lastError = e.reason;
                throw e;
            } catch (final Refusal e) {
                lastError = String.valueOf(e.getMessage());
                throw e;
            }
        };
    }

    private void tellLastError(final Arguments arguments) {
        final byte[] text = lastError.getBytes(StandardCharsets.US_ASCII);
        final int length = (int) Math.min(text.length, arguments.word(1) - 1);
        arguments.pointer(0).write(0, text, 0, length);
        arguments.pointer(0).setByte(length, (byte) 0);
    }

    private void setStream(final Arguments arguments) {
        final Library library = objects.get(arguments, 0, Library.class);
        final PosedStream stream = standIn.session().stream(arguments.word(1));
        require(stream.context() == library.context, BAD_PARAM, "a stream of another context");
        library.stream = arguments.word(1);
    }

    /** The algorithms in the order of their expected speed; those that cannot serve come last, with a status. */
    private void choose(final Arguments arguments) {
        final ConvolutionShape shape = shape(arguments, 1, 2, 3, 4);
        final int asked = arguments.number(5);
        require(asked >= 1, BAD_PARAM, "no room for a choice");
        final List<Integer> algorithms = List.of(IMPLICIT_PRECOMP_GEMM, IMPLICIT_GEMM, WINOGRAD_NONFUSED);
        final Pointer choices = arguments.pointer(7);
        final int told = Math.min(asked, algorithms.size());
        for (int i = 0; i < told; i++) {
            final Pointer choice = choices.share((long) i * CHOICE_BYTES);
            final boolean offered = shape.offers(algorithms.get(i)) && !standIn.session().faults().lacksConvolutions();
            choice.clear(CHOICE_BYTES);
            choice.setInt(0, algorithms.get(i));
            choice.setInt(4, offered ? Call.SUCCESS : NOT_SUPPORTED);
            choice.setFloat(8, -1);
            choice.setLong(16, offered ? shape.workspaceBytes() : UNKNOWN_SIZE);
            choice.setInt(24, DETERMINISTIC);
            choice.setInt(28, shape.mathType());
        }
        arguments.pointer(6).setInt(0, told);
    }

    private void convolve(final Arguments arguments) {
        final Library library = objects.get(arguments, 0, Library.class);
        final ConvolutionShape shape = shape(arguments, 2, 4, 6, 11);
        require(arguments.pointer(1).getFloat(0) == 1 && arguments.pointer(10).getFloat(0) == 0, NOT_SUPPORTED,
                "factors other than 1 and 0 are unknown to the stand-in");
        put(arguments, library, shape, new ConvolutionOperands(arguments.word(3), arguments.word(5), 0, 0,
                arguments.word(12)));
    }

    private void convolveWithBias(final Arguments arguments) {
        final Library library = objects.get(arguments, 0, Library.class);
        final ConvolutionShape shape = shape(arguments, 2, 4, 6, 16);
        final ConvolutionDescriptor.Tensor.Extents bias =
                objects.get(arguments, 13, ConvolutionDescriptor.Tensor.class).extents();
        require(bias.equals(new ConvolutionDescriptor.Tensor.Extents(bias.format(), shape.y().type(), 1, shape.y().c(),
                1, 1)), BAD_PARAM, "a bias " + bias + " for " + shape.y());
        require(objects.get(arguments, 11, ConvolutionDescriptor.Tensor.class).extents().equals(shape.y()), BAD_PARAM,
                "a sum of another shape than " + shape.y());
        objects.get(arguments, 15, ConvolutionDescriptor.Activation.class).requireSet();
        final float factor = arguments.pointer(10).getFloat(0);
        require(arguments.pointer(1).getFloat(0) == 1 && (factor == 0 || factor == 1), NOT_SUPPORTED,
                "factors other than 1 and 0 are unknown to the stand-in");
        require(arguments.word(12) != 0 && arguments.word(14) != 0, BAD_PARAM, "no address of the sum or of the bias");
        put(arguments, library, shape, new ConvolutionOperands(arguments.word(3), arguments.word(5),
                arguments.word(14), factor == 0 ? 0 : arguments.word(12), arguments.word(17)));
    }

    private void put(final Arguments arguments, final Library library, final ConvolutionShape shape,
                     final ConvolutionOperands operands) {
        shape.requireOffered(arguments.number(7));
        final int fault = standIn.session().faults().nextConvolution();
        if (fault != Call.SUCCESS) {
            throw new Answer(fault, "provoked");
        }
        final PosedStream stream = standIn.session().stream(library.stream);
        final long workspace = arguments.word(9);
        require(workspace >= shape.workspaceBytes(), BAD_PARAM,
                "a workspace of " + workspace + " bytes, but the algorithm needs " + shape.workspaceBytes());
        final ConvolutionWork work = new ConvolutionWork(standIn.session(), stream.context(), shape, operands,
                arguments.word(8));
        work.requireOperands();
        standIn.session().books().convolved();
        if (!stream.isCapturing()) {
            standIn.session().books().launched();
        }
        stream.put(work);
    }

    private ConvolutionShape shape(final Arguments arguments, final int x, final int filter, final int convolution,
                                   final int y) {
        require(objects.get(arguments, 0, Library.class).context == standIn.session().current(), BAD_PARAM,
                "a handle of another context");
        final ConvolutionDescriptor.Convolution moved =
                objects.get(arguments, convolution, ConvolutionDescriptor.Convolution.class);
        return new ConvolutionShape(objects.get(arguments, x, ConvolutionDescriptor.Tensor.class).extents(),
                objects.get(arguments, filter, ConvolutionDescriptor.Filter.class).extents(), moved.movement(),
                moved.mathType(), objects.get(arguments, y, ConvolutionDescriptor.Tensor.class).extents());
    }

    static void require(final boolean condition, final int status, final String fault) {
        if (!condition) {
            throw new Refusal(status, fault);
        }
    }

    /** A refusal of what the library does not offer, which is no fault of the caller. */
    static Refusal notOffered(final String reason) {
        return new Answer(NOT_SUPPORTED, reason);
    }

    /** An error that is no finding, with what the library tells of it. */
    private static final class Answer extends Refusal {
        private static final long serialVersionUID = 1L;

        private final String reason;

        private Answer(final int status, final String reason) {
            super(status, null);
            this.reason = reason;
        }
    }
}
