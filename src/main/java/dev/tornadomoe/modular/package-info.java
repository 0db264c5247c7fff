/// The modular kernel's contracts: prepare -> experts -> finalize as separate pieces that say what
/// they do as operations on named operands. They combine freely; what can't work is refused when it
/// is built. Knows layers, no plan and no device.
@NullMarked
package dev.tornadomoe.modular;

import org.jspecify.annotations.NullMarked;
