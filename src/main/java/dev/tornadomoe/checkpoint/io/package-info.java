/// What both file formats are read and written with: files that are there whole or not at all, JSON
/// that must be sound, and the store of tensors, whatever their format. For this library alone.
@NullMarked
package dev.tornadomoe.checkpoint.io;

import org.jspecify.annotations.NullMarked;
