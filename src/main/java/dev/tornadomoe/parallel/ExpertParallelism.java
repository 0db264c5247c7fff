package dev.tornadomoe.parallel;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.ModularMoe;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/// Experts divided among the ranks of a job: [#part] is what a rank loads of a layer, [#modularMoe] what
/// its plan is made with. Every rank runs the same layers in the same order, each call with tokens
/// of its own, as many as it has, or none.
///
///     ExpertParallelism parallel = ExpertParallelism.over(ranks).build();
///     MoeLayer part = parallel.part(layer);
///     MoePlan plan = Planner.builder().modularMoe(parallel::modularMoe).build().plan(part);
///
/// One session at a time may run on a communicator.
public final class ExpertParallelism {
  private final Communicator ranks;
  private final Function<MoeLayer, ExpertPlacement> placement;
  private final DispatchFormat format;
  private final CombineMode combine;
  private final boolean overlap;
  private final TrafficCounter counter = new TrafficCounter();
  private boolean measuring;

  private ExpertParallelism(Builder builder) {
    this.ranks = builder.ranks;
    this.placement = builder.placement;
    this.format = builder.format;
    this.combine = builder.combine;
    this.overlap = builder.overlap;
  }

  /// Options for the ranks of a job: experts placed contiguously, rows sent as they are, a result
  /// back for each of a token's experts, shared experts while rows travel.
  ///
  /// @param ranks all of the job; they stay the caller's to close
  /// @return a builder with those options
  public static Builder over(Communicator ranks) {
    return new Builder(ranks);
  }

  Communicator ranks() {
    return ranks;
  }

  /// {@return how rows travel}
  public DispatchFormat format() {
    return format;
  }

  /// {@return what comes back of results}
  public CombineMode combine() {
    return combine;
  }

  boolean overlap() {
    return overlap;
  }

  /// Whether experts that can may begin with this rank's own rows before others' are there. Results
  /// by pairs are for bits that don't depend on ranks.
  boolean beginsEarly() {
    return overlap && combine == CombineMode.RANK && ranks.size() > 1;
  }

  TrafficCounter counter() {
    return counter;
  }

  /// {@return what this rank has sent}
  public Traffic traffic() {
    return counter.count();
  }

  /// Has ranks wait for each other before each exchange, which [Traffic] does not count: then its
  /// times are those of exchanging, and not of the slowest rank. On all ranks or none, between
  /// calls.
  ///
  /// @param on whether ranks wait for each other
  public void measuring(boolean on) {
    measuring = on;
  }

  void meetIfMeasuring() {
    if (measuring) {
      Agreement.meet(ranks);
    }
  }

  /// This rank's part of a layer: its experts, with router and shared experts, which every rank
  /// has.
  ///
  /// @param layer with all experts
  /// @return a layer with this rank's experts alone
  /// @throws ParallelException when they can't be divided so
  public MoeLayer part(MoeLayer layer) {
    return layer.dividedBy(placement(layer).map(ranks.rank(), layer.globalExperts()));
  }

  /// What computes a layer's part.
  ///
  /// @param part from [#part]
  /// @return prepare and finalize that exchange rows, and experts that leave to them what is summed
  ///   where the tokens are
  public ModularMoe modularMoe(MoeLayer part) {
    String experts =
        switch (combine) {
          case PAIR -> "unreduced";
          case RANK -> "fused";
        };
    return new ModularMoe(
        new ExpertParallel(this, placement(part), part), ExpertsCatalog.named(experts).experts());
  }

  private ExpertPlacement placement(MoeLayer layer) {
    ExpertPlacement placed = placement.apply(layer);
    int experts = layer.globalExperts() - layer.identityExperts();
    if (placed.experts() != experts || placed.ranks() != ranks.size()) {
      throw new ParallelException(
          String.format(
              Locale.ROOT,
              "layer %d has %d experts on %d ranks, the placement is for %d experts on %d ranks",
              layer.index(),
              experts,
              ranks.size(),
              placed.experts(),
              placed.ranks()));
    }
    return placed;
  }

  /// Compares what ranks are about to run; call it on every rank before the first run.
  ///
  /// @param layers with all experts, as they were given to [#part]
  /// @param facts what else must be the same, by what it is called: the plan's size, the model
  /// @throws ParallelException on every rank, for what differs
  public void agree(List<MoeLayer> layers, Map<String, String> facts) {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("ranks", String.valueOf(ranks.size()));
    all.put("rows sent as", format.toString());
    all.put("results combined by", combine.toString());
    all.put("shared experts while rows travel", overlap ? "yes" : "no");
    all.putAll(facts);
    for (MoeLayer layer : layers) {
      all.put(
          "layer " + layer.index(),
          String.format(
              Locale.ROOT,
              "H %d, I %d, E %d, top-%d, %s",
              layer.hidden(),
              layer.intermediate(),
              layer.globalExperts(),
              layer.topK(),
              layer.experts().formats()));
      all.put("experts of layer " + layer.index() + " by rank", placement(layer).toString());
    }
    Agreement.require(ranks, all);
  }

  /// Collects the options; they must be the same on all ranks.
  public static final class Builder {
    private final Communicator ranks;
    private Function<MoeLayer, ExpertPlacement> placement;
    private DispatchFormat format = DispatchFormat.F32;
    private CombineMode combine = CombineMode.PAIR;
    private boolean overlap = true;

    private Builder(Communicator ranks) {
      this.ranks = ranks;
      this.placement =
          layer ->
              ExpertPlacement.contiguous(
                  layer.globalExperts() - layer.identityExperts(), ranks.size());
    }

    /// Who holds which experts of a layer.
    ///
    /// @param ofLayer called once for each layer, with the same result on every rank
    /// @return this builder
    public Builder placement(Function<MoeLayer, ExpertPlacement> ofLayer) {
      placement = ofLayer;
      return this;
    }

    /// How rows travel.
    ///
    /// @param rows what a row is sent as
    /// @return this builder
    public Builder dispatch(DispatchFormat rows) {
      format = rows;
      return this;
    }

    /// What comes back of results: [CombineMode#PAIR] unless set; [CombineMode#RANK] suits backends
    /// that have the experts on a device.
    ///
    /// @param rows what a rank sends back
    /// @return this builder
    public Builder combine(CombineMode rows) {
      combine = rows;
      return this;
    }

    /// Whether shared experts run while rows travel.
    ///
    /// @param on true unless set
    /// @return this builder
    public Builder overlap(boolean on) {
      overlap = on;
      return this;
    }

    /// {@return the parallelism with these options}
    public ExpertParallelism build() {
      return new ExpertParallelism(this);
    }
  }
}
