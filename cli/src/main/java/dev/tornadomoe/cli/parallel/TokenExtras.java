package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.plan.CallerRegion;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.Map;

/// What a call brings for each token beside its hidden states: token ids, the states of routers.
///
/// @param tokens M
/// @param memory by region, as many bytes for each token; on the heap
public record TokenExtras(int tokens, Map<CallerRegion, MemorySegment> memory) {

  /// {@return the same for some of the tokens, in the same memory}
  ///
  /// @param first token
  /// @param end the token behind the last
  public TokenExtras part(int first, int end) {
    Map<CallerRegion, MemorySegment> parts = new EnumMap<>(CallerRegion.class);
    memory.forEach((region, all) -> {
      long bytes = tokenBytes(all);
      parts.put(region, all.asSlice(first * bytes, (end - first) * bytes));
    });
    return new TokenExtras(end - first, parts);
  }

  /// {@return the same in memory of its own: calls write some of it}
  public TokenExtras copy() {
    Map<CallerRegion, MemorySegment> copies = new EnumMap<>(CallerRegion.class);
    memory.forEach((region, all) ->
        copies.put(
            region,
            region == CallerRegion.ROUTER_STATES
                ? MemorySegment.ofArray(all.toArray(ValueLayout.JAVA_FLOAT))
                : MemorySegment.ofArray(all.toArray(ValueLayout.JAVA_INT))));
    return new TokenExtras(tokens, copies);
  }

  /// {@return bytes of a region for each token}
  ///
  /// @param all the region's memory
  long tokenBytes(MemorySegment all) {
    return tokens == 0 ? 0 : all.byteSize() / tokens;
  }

  /// Has a call bring them.
  void addTo(MoeCall call) {
    memory.forEach(call::memory);
  }
}
