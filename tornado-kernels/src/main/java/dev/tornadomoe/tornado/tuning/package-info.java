/// How kernels are cut for a device, as measured or guessed, and the files that keep it.
@NullMarked
package dev.tornadomoe.tornado.tuning;

import org.jspecify.annotations.NullMarked;
