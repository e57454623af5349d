package io.qwenimage.cli;

import picocli.CommandLine.IVersionProvider;

/** Name and version of this program, from the jar's manifest. */
final class ProductVersion implements IVersionProvider {
    private static final String NAME = "nifi-qwenimage";

    @Override
    public String[] getVersion() {
        return new String[] {text()};
    }

    /** The name, and the version where it is known. */
    static String text() {
        final String version = ProductVersion.class.getPackage().getImplementationVersion();
        return version == null ? NAME : NAME + " " + version;
    }
}
