/** The implementations of the controller services. */
package io.qwenimage.nifi.services.standard;
