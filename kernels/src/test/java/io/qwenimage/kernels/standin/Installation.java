package io.qwenimage.kernels.standin;

/**
 * Installs the stand-ins for the driver, cuBLASLt and cuDNN in a program that computes on CUDA, for its whole life.
 * When it ends, what was found is told on standard error.
 */
public final class Installation implements Runnable {
    @Override
    public void run() {
        final StandIn standIn = StandIn.installWithLibraries();
        standIn.setUp(0, PosedDevice.a100());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> standIn.findings().forEach(finding ->
                System.err.println("stand-in: " + finding))));
    }
}
