package io.qwenimage.backend;

import java.util.List;
import java.util.function.Supplier;

/** Every backend that can run here; tests of what all must do run once for each. */
public final class Backends {
    /** A backend's name in reports, and how to open it. */
    public record Named(String name, Supplier<Backend> opener) {
        /** Opens the backend; the caller closes it. */
        public Backend open() {
            return opener.get();
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private Backends() {
    }

    /** Scalar Java first: where it fails too, the model is at fault. */
    public static List<Named> all() {
        return List.of(new Named("reference", ReferenceBackend::new));
    }
}
