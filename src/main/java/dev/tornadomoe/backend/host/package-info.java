/// What all backends in host memory share: sessions, checks of each call, the sanitiser, and the
/// operations that only move rows or indices.
@NullMarked
package dev.tornadomoe.backend.host;

import org.jspecify.annotations.NullMarked;
