/// Element types, shapes, views over memory, and the forms a weight matrix takes in memory. Knows
/// no other room.
@NullMarked
package dev.tornadomoe.tensor;

import org.jspecify.annotations.NullMarked;
