/// What an MoE layer computes, as data: router, experts, shared experts, activation. Nothing here
/// computes; backends do.
@NullMarked
package dev.tornadomoe.layer;

import org.jspecify.annotations.NullMarked;
