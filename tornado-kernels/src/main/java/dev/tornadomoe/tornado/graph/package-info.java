/// A launch as TornadoVM's tasks and graphs.
@NullMarked
package dev.tornadomoe.tornado.graph;

import org.jspecify.annotations.NullMarked;
