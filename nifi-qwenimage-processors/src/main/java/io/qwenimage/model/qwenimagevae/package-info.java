/** The autoencoder of Qwen-Image: a causal video autoencoder, used on single frames. */
package io.qwenimage.model.qwenimagevae;
