/** The only entry to the engine: text encoding, denoising and decoding over a loaded model folder. */
package io.qwenimage.pipeline;
