package io.qwenimage.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/**
 * What a command did.
 *
 * @param status exit status
 * @param out    standard output
 * @param err    standard error
 */
record CommandRun(int status, String out, String err) {
    static CommandRun of(final EngineFactory engines, final String... arguments) {
        final StringWriter out = new StringWriter();
        final StringWriter err = new StringWriter();
        final int status = CommandLineInterface.run(engines, new PrintWriter(out, true), new PrintWriter(err, true),
                arguments);
        return new CommandRun(status, out.toString(), err.toString());
    }
}
