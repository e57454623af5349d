/** From logits to text: choosing tokens, stopping, and streams of partial text. */
package io.qwenimage.generation;
