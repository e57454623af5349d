package io.qwenimage.backend.cuda;

/**
 * What was found of one of NVIDIA's libraries.
 *
 * @param name   of its file
 * @param place  where it was found, in words; null if it was not
 * @param remedy why it was not found and what brings it; null if it was
 * @param needed whether nothing runs without it; without one that is not, other ways are taken
 */
public record CudaLibrary(String name, String place, String remedy, boolean needed) {
    /** Whether it is there. */
    public boolean isFound() {
        return remedy == null;
    }
}
