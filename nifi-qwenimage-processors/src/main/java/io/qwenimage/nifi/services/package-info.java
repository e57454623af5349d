/** Controller-service interfaces and the leases that they hand out; all that a processor sees of a device or a model. */
package io.qwenimage.nifi.services;
