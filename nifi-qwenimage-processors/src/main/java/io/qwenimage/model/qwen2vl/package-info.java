/** Qwen2-VL: the first of the family with positions on three axes, arXiv 2409.12191. */
package io.qwenimage.model.qwen2vl;
