/** The language model that the Qwen-VL family shares: a decoder with grouped heads and multimodal rotary positions. */
package io.qwenimage.model.language;
