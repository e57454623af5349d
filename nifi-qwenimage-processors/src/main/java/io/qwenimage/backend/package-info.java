/** The operations that the models need, at the level of the mathematics, and the arenas that own their results. */
package io.qwenimage.backend;
