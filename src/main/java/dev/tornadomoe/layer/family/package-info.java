/// Model families: which config keys, tensor names and router a `model_type` stands for. No
/// arithmetic.
@NullMarked
package dev.tornadomoe.layer.family;

import org.jspecify.annotations.NullMarked;
