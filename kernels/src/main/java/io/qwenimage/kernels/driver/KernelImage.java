package io.qwenimage.kernels.driver;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A compiled module for one architecture, and the choice among them. A cubin runs on devices of its generation from its
 * own variant on ({@code sm_80} on 8.0, 8.6, 8.9); one with {@code a} only on exactly its own; PTX is compiled further
 * by the driver for whatever is as new as its target.
 *
 * @param name file name of the resource: {@code norm.sm_90a.cubin}
 * @param content cubin, or PTX as text
 * @param isPtx whether the driver compiles it further
 */
record KernelImage(String name, byte[] content, boolean isPtx) {
    private static final String FOLDER = "/io/qwenimage/kernels/images/";
    private static final Pattern TARGET = Pattern.compile("(?m)^\\.target\\s+sm_(\\d+)(\\d)([af]?)");
    /** What the build compiles for; asked for in the message when nothing fits. */
    private static final List<String> ARCHITECTURES =
            List.of("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_100a", "sm_120", "sm_120a");

    /** The content of an image among the resources. */
    static Optional<byte[]> fromResource(final String name) {
        try (InputStream stream = KernelImage.class.getResourceAsStream(FOLDER + name)) {
            return stream == null ? Optional.empty() : Optional.of(stream.readAllBytes());
        } catch (final IOException e) {
            throw new UncheckedIOException("kernel image " + name + " cannot be read", e);
        }
    }

    /**
     * The image of a module that suits a device best.
     *
     * @throws IllegalArgumentException if there is no such module
     * @throws CudaUnavailableException if none of its images runs on the device
     */
    static KernelImage choose(final String module, final DeviceProperties device,
                              final Function<String, Optional<byte[]>> source) {
        final ComputeCapability capability = device.capability();
        final List<String> candidates = new ArrayList<>(List.of(capability.architecture() + "a"));
        for (int minor = capability.minor(); minor >= 0; minor--) {
            candidates.add(new ComputeCapability(capability.major(), minor).architecture());
        }
        for (final String architecture : candidates) {
            final String name = module + "." + architecture + ".cubin";
            final Optional<byte[]> content = source.apply(name);
            if (content.isPresent()) {
                return new KernelImage(name, content.get(), false);
            }
        }
        final String name = module + ".ptx";
        final Optional<byte[]> ptx = source.apply(name).filter(content -> runsFrom(content, capability));
        if (ptx.isPresent()) {
            return new KernelImage(name, ptx.get(), true);
        }
        throw noneFits(module, device, source);
    }

    private static boolean runsFrom(final byte[] ptx, final ComputeCapability capability) {
        final Matcher target = TARGET.matcher(new String(ptx, StandardCharsets.ISO_8859_1));
        if (!target.find()) {
            return false;
        }
        final int major = Integer.parseInt(target.group(1));
        final int minor = Integer.parseInt(target.group(2));
        return target.group(3).isEmpty() ? capability.isAtLeast(major, minor)
                : capability.equals(new ComputeCapability(major, minor));
    }

    private static RuntimeException noneFits(final String module, final DeviceProperties device,
                                             final Function<String, Optional<byte[]>> source) {
        final List<String> present = new ArrayList<>(ARCHITECTURES.stream()
                .filter(architecture -> source.apply(module + "." + architecture + ".cubin").isPresent()).toList());
        source.apply(module + ".ptx").ifPresent(content -> {
            final Matcher target = TARGET.matcher(new String(content, StandardCharsets.ISO_8859_1));
            present.add(target.find() ? "PTX for sm_" + target.group(1) + target.group(2) + target.group(3)
                    + " and later"
                    : "PTX without a target");
        });
        if (present.isEmpty()) {
            return new IllegalArgumentException("kernel module " + module + " does not exist: no image of it lies in "
                    + FOLDER);
        }
        return new CudaUnavailableException("No image of kernel module " + module + " runs on " + device.title()
                + "; there are " + String.join(", ", present) + ". Choose a device of one of these");
    }
}
