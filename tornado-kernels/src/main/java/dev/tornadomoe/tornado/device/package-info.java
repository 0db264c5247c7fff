/// The device that TornadoVM runs on: what it can do, its arrays, and the rows on their way.
@NullMarked
package dev.tornadomoe.tornado.device;

import org.jspecify.annotations.NullMarked;
