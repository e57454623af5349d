/** Controller-service interfaces and the leases that they hand out: all that processors see of devices and models. */
package io.qwenimage.nifi.services;
