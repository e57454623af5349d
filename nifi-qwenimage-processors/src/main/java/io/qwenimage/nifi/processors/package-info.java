/** The NiFi processors: attributes and content in, a pipeline request, attributes, content and provenance out. */
package io.qwenimage.nifi.processors;
