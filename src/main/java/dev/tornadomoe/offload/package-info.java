/// Models larger than a device: some experts there, the others on the CPU, both at the same time. A
/// [dev.tornadomoe.offload.DevicePlacement] says which are where.
@NullMarked
package dev.tornadomoe.offload;

import org.jspecify.annotations.NullMarked;
