/// The operations on rows that a plan's steps are made of, and the work space that they share.
@NullMarked
package dev.tornadomoe.backend.cpu.step;

import org.jspecify.annotations.NullMarked;
