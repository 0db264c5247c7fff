/// What a plan says of itself: as text, JSON, a graph in Graphviz's language, and a picture.
@NullMarked
package dev.tornadomoe.plan.explain;

import org.jspecify.annotations.NullMarked;
