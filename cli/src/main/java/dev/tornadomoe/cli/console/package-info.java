/// What every command does with the terminal: results, progress, complaints.
@NullMarked
package dev.tornadomoe.cli.console;

import org.jspecify.annotations.NullMarked;
