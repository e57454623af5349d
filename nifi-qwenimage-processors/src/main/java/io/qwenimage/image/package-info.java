/** Pictures: decoding, encoding, resizing and metadata. */
package io.qwenimage.image;
