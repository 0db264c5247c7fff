package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.CallerRows;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Watches the caller's memory during a sanitised run: results are poisoned and must be written
/// completely and nowhere else, inputs must stay as they were, and an unaliased run on copies must
/// give the same bits.
final class CallAudit {
  private final GuardedSession session;
  private final MoePlan plan;
  private final CallSpec spec;
  private @Nullable GuardedSession shadow;

  /// @param session what is watched
  CallAudit(GuardedSession session) {
    this.session = session;
    this.plan = session.plan();
    this.spec = plan.options().call();
  }

  /// Runs one layer of a call and checks what it did.
  ///
  /// @param layer its index in the plan
  /// @param how each chunk of it is run
  void run(MoeCall call, int layer, GuardedSession.ChunkRun how) {
    Map<CallerRegion, MemorySegment> before = new EnumMap<>(CallerRegion.class);
    plan.inputs(layer).forEach(region -> before.put(region, copyOf(memory(call, region))));
    plan.results(layer).forEach(region -> before.put(region, copyOf(memory(call, region))));
    if (spec.inPlace()) {
      before.put(CallerRegion.HIDDEN, present(before.get(CallerRegion.OUTPUT)));
    }
    for (CallerRegion region : plan.results(layer)) {
      if (isWrittenOnly(region, layer)) {
        CallerRows rows = rows(region, layer);
        MemorySegment result = memory(call, region);
        forEachElement(rows, call, (row, column, at) -> Poison.set(result, at, rows.type()));
      }
    }

    session.runLayer(call, layer, how);

    for (CallerRegion region : plan.inputs(layer)) {
      if (region != CallerRegion.HIDDEN || !spec.inPlace()) {
        requireSame(layer, region, memory(call, region), present(before.get(region)));
      }
    }
    for (CallerRegion region : plan.results(layer)) {
      CallerRows rows = rows(region, layer);
      if (isWrittenOnly(region, layer)) {
        requireWritten(call, layer, rows);
      }
      requireGapsUntouched(call, layer, rows, present(before.get(region)));
    }
    compareWithShadow(call, layer, before);
  }

  private CallerRows rows(CallerRegion region, int layer) {
    return CallerRows.of(spec, region, plan.layers().get(layer));
  }

  private boolean isWrittenOnly(CallerRegion region, int layer) {
    return !plan.regionsRead(layer).contains(region);
  }

  private static MemorySegment memory(MoeCall call, CallerRegion region) {
    return present(call.memory(region));
  }

  private static MemorySegment present(@Nullable MemorySegment segment) {
    if (segment == null) {
      throw new IllegalStateException("calls are checked before they are audited");
    }
    return segment;
  }

  private static MemorySegment copyOf(MemorySegment segment) {
    return MemorySegment.ofArray(segment.toArray(ValueLayout.JAVA_BYTE));
  }

  private int layerIndex(int layer) {
    return plan.layers().get(layer).index();
  }

  private void requireSame(
      int layer, CallerRegion region, MemorySegment segment, MemorySegment before) {
    long at = segment.mismatch(before);
    if (at >= 0) {
      throw new SanitizeException(
          String.format(
              Locale.ROOT,
              "sanitize: layer %d changed the caller's %s at byte %d",
              layerIndex(layer),
              region,
              at));
    }
  }

  private void requireWritten(MoeCall call, int layer, CallerRows rows) {
    MemorySegment result = memory(call, rows.region());
    forEachElement(
        rows,
        call,
        (row, column, at) -> {
          if (Poison.isSet(result, at, rows.type())) {
            throw new SanitizeException(
                String.format(
                    Locale.ROOT,
                    "sanitize: OUTPUT_NOT_WRITTEN: layer %d, experts \"%s\": row %d, column %d of"
                        + " the caller's %s is unwritten, or made from uninitialised memory",
                    layerIndex(layer),
                    plan.modularMoe(layer).experts().name(),
                    row,
                    column,
                    rows.region()));
          }
        });
  }

  /// What stands between the rows of a strided output belongs to somebody else.
  private void requireGapsUntouched(
      MoeCall call, int layer, CallerRows rows, MemorySegment before) {
    MemorySegment result = memory(call, rows.region());
    long rowBytes = (long) rows.width() * rows.type().bytes();
    long stride = rows.stride() * rows.type().bytes();
    for (long row = 0; row < rows.rows(call.tokens()) && stride > rowBytes; row++) {
      long from = row * stride + rowBytes;
      long to = Math.min((row + 1) * stride, result.byteSize());
      if (from < to && MemorySegment.mismatch(result, from, to, before, from, to) >= 0) {
        throw new SanitizeException(
            String.format(
                Locale.ROOT,
                "sanitize: layer %d wrote behind row %d of the caller's %s, between its rows",
                layerIndex(layer),
                row,
                rows.region()));
      }
    }
  }

  private void compareWithShadow(MoeCall call, int layer, Map<CallerRegion, MemorySegment> memory) {
    if (shadow == null) {
      shadow = session.shadow();
    }
    shadow.runLayer(again(call, memory), layer);
    for (CallerRegion region : plan.results(layer)) {
      long at = memory(call, region).mismatch(present(memory.get(region)));
      if (at >= 0) {
        throw new SanitizeException(
            String.format(
                Locale.ROOT,
                "sanitize: layer %d gives another result with the output alias than without, from"
                    + " byte %d of the %s",
                layerIndex(layer),
                at,
                region));
      }
    }
  }

  private static MoeCall again(MoeCall call, Map<CallerRegion, MemorySegment> memory) {
    MoeCall again = new MoeCall().hidden(present(memory.get(CallerRegion.HIDDEN)), call.tokens());
    memory.forEach(again::memory);
    return again;
  }

  /// Something to do with one element of a region.
  @FunctionalInterface
  private interface ElementAction {
    void at(long row, int column, long offset);
  }

  private static void forEachElement(CallerRows rows, MoeCall call, ElementAction action) {
    for (long row = 0; row < rows.rows(call.tokens()); row++) {
      for (int column = 0; column < rows.width(); column++) {
        action.at(row, column, (row * rows.stride() + column) * rows.type().bytes());
      }
    }
  }

  /// Closes the session that runs without aliases.
  void close() {
    if (shadow != null) {
      shadow.close();
    }
  }
}
