package io.qwenimage.ptx.counting;

/**
 * What was counted at one PTX line, or summed over many.
 *
 * @param line PTX line, from 1; 0 for a sum
 * @param text text of the line
 * @param instructionClass its class, or null for a sum over classes
 * @param warpInstructions how often a warp executed it
 * @param laneInstructions how often a lane executed it
 * @param requests memory requests of warps
 * @param sectors sectors of 32 bytes that the global requests touched
 * @param idealSectors sectors that as many different bytes would need
 * @param wavefronts passes through shared memory that the requests took
 * @param idealWavefronts passes they would take without bank conflicts
 * @param bytes bytes that lanes asked for
 * @param multiplyAdds multiplications with addition that lanes or tensor cores did
 */
public record LineCount(int line, String text, InstructionClass instructionClass, long warpInstructions,
                        long laneInstructions, long requests, long sectors, long idealSectors, long wavefronts,
                        long idealWavefronts, long bytes, long multiplyAdds) {
    /** Passes through shared memory beyond those that no layout could save. */
    public long bankConflicts() {
        return wavefronts - idealWavefronts;
    }

    LineCount plus(final LineCount other) {
        return new LineCount(0, "", instructionClass == other.instructionClass ? instructionClass : null,
            warpInstructions + other.warpInstructions, laneInstructions + other.laneInstructions,
            requests + other.requests, sectors + other.sectors, idealSectors + other.idealSectors,
            wavefronts + other.wavefronts, idealWavefronts + other.idealWavefronts, bytes + other.bytes,
            multiplyAdds + other.multiplyAdds);
    }
}
