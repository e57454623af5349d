/** Text to token ids and back: byte-level BPE exactly as Hugging Face's tokenizers library computes it. */
package io.qwenimage.tokenizer;
