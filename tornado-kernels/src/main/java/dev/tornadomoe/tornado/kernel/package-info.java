/// What runs on the device: each method is compiled for it by TornadoVM, one work-item a call, and
/// takes nothing but TornadoVM's arrays and numbers.
@NullMarked
package dev.tornadomoe.tornado.kernel;

import org.jspecify.annotations.NullMarked;
