/// Numbers as people read them. For this library alone.
@NullMarked
package dev.tornadomoe.tensor.text;

import org.jspecify.annotations.NullMarked;
