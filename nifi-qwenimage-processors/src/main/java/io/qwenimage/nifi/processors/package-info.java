/** The NiFi processors: attributes and content in, a request to the pipeline, attributes, content and provenance out. */
package io.qwenimage.nifi.processors;
