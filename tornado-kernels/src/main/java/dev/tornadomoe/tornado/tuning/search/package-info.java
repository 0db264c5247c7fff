/// Measures cuts against each other on the device that is there.
@NullMarked
package dev.tornadomoe.tornado.tuning.search;

import org.jspecify.annotations.NullMarked;
