package io.qwenimage.backend.cpu;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * A function in machine code, for the few loops that neither a library has nor the JVM compiles well. Its bytes stand in
 * a listing among the resources, each instruction with its meaning beside it, and lie in memory that can be executed and
 * not written while it runs.
 */
final class MachineCode implements AutoCloseable {
    private static final int READ_AND_WRITE = 3;
    private static final int READ_AND_EXECUTE = 5;
    /** MAP_PRIVATE and MAP_ANONYMOUS of Linux. */
    private static final int PRIVATE_ANONYMOUS = 0x22;
    private static final int NO_FILE = -1;

    private final Pointer memory;
    private final long bytes;
    private final Function function;

    private MachineCode(final Pointer memory, final long bytes) {
        this.memory = memory;
        this.bytes = bytes;
        function = Function.getFunction(memory);
    }

    /**
     * Brings a listing into memory.
     *
     * @param listing of x86-64 instructions, beside this class
     * @return null where such code cannot run or the system lends no memory for it; owned by the caller
     */
    static MachineCode load(final String listing) {
        if (!Platform.isLinux() || !Platform.isIntel() || !Platform.is64Bit()) {
            return null;
        }
        final byte[] code = assembled(listing);
        final Pointer memory = (Pointer) system("mmap").invoke(Pointer.class, new Object[] {Pointer.NULL,
            (long) code.length, READ_AND_WRITE, PRIVATE_ANONYMOUS, NO_FILE, 0L});
        if (Pointer.nativeValue(memory) == NO_FILE) {
            return null;
        }
        memory.write(0, code, 0, code.length);
        final MachineCode loaded = new MachineCode(memory, code.length);
        if (system("mprotect").invokeInt(new Object[] {memory, (long) code.length, READ_AND_EXECUTE}) != 0) {
            loaded.close();
            return null;
        }
        return loaded;
    }

    /** Calls the function with integers and addresses; any number of threads may do so at once. */
    void call(final long... arguments) {
        final Object[] boxed = new Object[arguments.length];
        for (int i = 0; i < boxed.length; i++) {
            boxed[i] = arguments[i];
        }
        function.invokeVoid(boxed);
    }

    /** Gives the memory back; nobody may be calling. */
    @Override
    public void close() {
        system("munmap").invokeInt(new Object[] {memory, bytes});
    }

    /** The bytes before the semicolons of a listing's lines. */
    static byte[] assembled(final String listing) {
        try (InputStream in = MachineCode.class.getResourceAsStream(listing)) {
            if (in == null) {
                throw new IllegalStateException("the listing " + listing + " is missing beside " + MachineCode.class);
            }
            final ByteArrayOutputStream code = new ByteArrayOutputStream();
            new String(in.readAllBytes(), StandardCharsets.US_ASCII).lines()
                    .map(line -> line.substring(0, line.indexOf(';')).replace(" ", ""))
                    .forEach(hex -> code.writeBytes(HexFormat.of().parseHex(hex)));
            return code.toByteArray();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Function system(final String name) {
        return NativeLibrary.getInstance("c").getFunction(name);
    }
}
