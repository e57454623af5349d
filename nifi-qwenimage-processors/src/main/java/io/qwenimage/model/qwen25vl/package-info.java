/** Qwen2.5-VL: the language model that encodes prompts, captions and grounds. */
package io.qwenimage.model.qwen25vl;
