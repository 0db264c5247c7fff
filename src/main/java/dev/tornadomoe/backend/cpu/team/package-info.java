/// The threads that share a step's work, and how they are placed.
@NullMarked
package dev.tornadomoe.backend.cpu.team;

import org.jspecify.annotations.NullMarked;
