/// tornado-moe: fast Mixture-of-Experts layers for the JVM.
///
/// Data goes one way through the rooms below this one: `tensor`, `checkpoint`, `layer`, `modular`,
/// `plan`, `backend`, `cli`. This package holds only what all of them share.
@NullMarked
package dev.tornadomoe;

import org.jspecify.annotations.NullMarked;
