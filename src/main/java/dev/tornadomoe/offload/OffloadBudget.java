package dev.tornadomoe.offload;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.tensor.text.ByteSize;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Plans that keep to so much of a device's memory, by what [Backend#memory] says: nothing is
/// loaded.
///
/// @param backend that has the device
/// @param bytes that all sessions may take there together
/// @param sessions how many there will be of a plan: each has its own copy of what is on the device
/// @param prefill what decides when the host's experts go through the device, or null for never
public record OffloadBudget(
    Backend backend, long bytes, int sessions, @Nullable PrefillStreaming prefill) {
  /// The part of the budget that weights on their way may take.
  private static final int WINDOW_PART = 8;

  /// A budget of plans whose host always computes its own experts.
  ///
  /// @param backend that has the device
  /// @param bytes that all sessions may take there together
  /// @param sessions how many there will be of a plan
  public OffloadBudget(Backend backend, long bytes, int sessions) {
    this(backend, bytes, sessions, null);
  }

  /// {@return the same budget, in which the host's experts go through the device in calls with many
  /// tokens; what it keeps free for them counts}
  ///
  /// @param streaming what decides from how many on
  public OffloadBudget prefill(PrefillStreaming streaming) {
    return new OffloadBudget(
        backend, bytes, sessions, streaming.within(bytes / sessions / WINDOW_PART));
  }

  /// Puts as many experts on the device as it has room for, those that are chosen most often first;
  /// everything, routers too, where all of it fits.
  ///
  /// @param layers with all experts
  /// @param statistics how often experts are chosen
  /// @param planner with all other options; its pieces are replaced
  /// @return the plan
  /// @throws OffloadException when there is no room for a single expert
  public MoePlan plan(List<MoeLayer> layers, RouteStatistics statistics, Planner.Builder planner) {
    Optional<MoePlan> whole = whole(layers, planner);
    if (whole.isPresent()) {
      return whole.get();
    }
    int fits = 0;
    int fitsNot = DevicePlacement.candidates(layers) + 1;
    MoePlan best = plan(layers, statistics, planner, 1);
    requireRoom(best, "the rows of a call and a single expert");
    while (fitsNot - fits > 1) {
      int count = (fits + fitsNot) / 2;
      MoePlan plan = plan(layers, statistics, planner, count);
      if (hasRoom(plan)) {
        fits = count;
        best = plan;
      } else {
        fitsNot = count;
      }
    }
    return best;
  }

  /// The plan of layers that are on the device alone, if there is room.
  private Optional<MoePlan> whole(List<MoeLayer> layers, Planner.Builder planner) {
    backend.modularMoe(layers).ifPresent(planner::preferredModularMoe);
    MoePlan plan = planner.build().plan(layers);
    return backend.unsupported(plan).isEmpty() && hasRoom(plan)
        ? Optional.of(plan)
        : Optional.empty();
  }

  private MoePlan plan(
      List<MoeLayer> layers, RouteStatistics statistics, Planner.Builder planner, int count) {
    DevicePlacement placement = DevicePlacement.mostChosen(layers, statistics, count);
    Offload offload = Offload.of(layers, placement, statistics);
    return (prefill == null ? offload : offload.prefill(prefill)).plan(planner);
  }

  /// Refuses a plan that takes more.
  ///
  /// @param plan whose placement somebody else has chosen
  /// @throws OffloadException when it does
  public void require(MoePlan plan) {
    requireRoom(plan, "the experts that the placement puts there");
  }

  private void requireRoom(MoePlan plan, String what) {
    if (!hasRoom(plan)) {
      throw new OffloadException(
          String.format(
              Locale.ROOT,
              "a budget of %s on the device is too small: %s take %s%s",
              ByteSize.format(bytes),
              what,
              ByteSize.format(taken(plan)),
              sessions == 1
                  ? ""
                  : String.format(Locale.ROOT, " in %d sessions, a copy each", sessions)));
    }
  }

  private boolean hasRoom(MoePlan plan) {
    return taken(plan) <= bytes;
  }

  private long taken(MoePlan plan) {
    SessionMemory memory = backend.memory(plan);
    return Math.addExact(
        memory.total().device(), Math.multiplyExact(sessions - 1L, memory.ofFork().device()));
  }
}
