/** The command line: the same pipelines without NiFi. */
package io.qwenimage.cli;
