package dev.tornadomoe.plan;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Turns layers into a plan: chooses the pieces, makes a bucket for each range of token counts,
/// improves it and has it verified.
public final class Planner {
  /// `-Dtornadomoe.alias=off` switches output aliasing off; where it is required, that is an error.
  public static final String ALIAS_PROPERTY = "tornadomoe.alias";

  private final PlanOptions options;

  private Planner(PlanOptions options) {
    this.options = options;
  }

  /// A planner with the defaults: 64 tokens, aliasing and reuse on, a caller with F32 rows in host
  /// memory.
  ///
  /// @return a builder to change them in
  public static Builder builder() {
    return new Builder();
  }

  /// Plans one layer.
  ///
  /// @param layer with the shapes of its weights; none is read
  /// @return a plan for calls of 0 to [Builder#maxTokens] tokens
  /// @throws dev.tornadomoe.MoeException when the options or pieces do not suit it
  public MoePlan plan(MoeLayer layer) {
    return plan(List.of(layer));
  }

  /// Plans the MoE layers of a step; they share one workspace.
  ///
  /// @param layers of the same hidden size where calls are whole steps
  /// @return a plan for calls of 0 to [Builder#maxTokens] tokens
  /// @throws dev.tornadomoe.MoeException when the options or pieces do not suit them
  public MoePlan plan(List<MoeLayer> layers) {
    if (layers.isEmpty()) {
      throw new PlanException("a plan needs at least one layer");
    }
    if (options.call().wholeStep()) {
      PlanChecks.requireSameArguments(layers, options.call());
    }
    List<ModularMoe> modularMoes = new ArrayList<>();
    for (MoeLayer layer : layers) {
      modularMoes.add(options.modularMoe().apply(layer));
      PlanChecks.requireSupport(layer, modularMoes.getLast(), options);
    }
    return plan(layers, modularMoes, options);
  }

  static MoePlan plan(List<MoeLayer> layers, List<ModularMoe> modularMoes, PlanOptions options) {
    BucketPlanner planner = new BucketPlanner(layers, modularMoes, options);
    List<Set<Capability>> capabilities =
        modularMoes.stream().map(one -> one.experts().capabilities()).toList();
    boolean local = modularMoes.stream().allMatch(one -> one.prepareAndFinalize().isLocal());
    List<BucketPlan> buckets = new ArrayList<>();
    if (local) {
      buckets.add(planner.plan(0, 0));
    }
    for (int limit : planner.limits(local)) {
      int first = buckets.isEmpty() ? 0 : buckets.getLast().maxTokens() + 1;
      BucketPlan bucket = planner.plan(first, limit);
      PlanVerifier.verify(bucket, capabilities);
      if (options.aliasing() == AliasMode.REQUIRE) {
        PlanChecks.requireAliases(layers, bucket);
      }
      buckets.add(bucket);
    }
    return new MoePlan(
        List.copyOf(layers), List.copyOf(modularMoes), options, List.copyOf(buckets));
  }

  /// Collects a planner's options. Each takes its value, switches too; the last one counts.
  public static final class Builder {
    private int maxTokens = 64;
    private int chunkTokens;
    private AliasMode aliasing = AliasMode.AUTO;
    private boolean reuse = true;
    private boolean fold = true;
    private boolean sanitize;
    private Precision precision = Precision.EXACT;
    private MemoryKind memory = MemoryKind.HOST;
    private @Nullable Function<MoeLayer, ModularMoe> modularMoe;
    private ModularMoe preferred = ExpertsCatalog.preferred();
    private OutputForm output = OutputForm.FINISHED;
    private DType hiddenType = DType.F32;
    private DType outputType = DType.F32;
    private int outputStride;
    private @Nullable Integer outputAlignment;
    private MemoryKind outputMemory = MemoryKind.HOST;
    private boolean exclusive = true;
    private boolean inPlace;
    private Residual residual = Residual.NONE;
    private @Nullable RmsNorm norm;
    private boolean callerRoutes;
    private boolean wholeStep;

    private Builder() {}

    /// The most tokens that a call may have.
    ///
    /// @param tokens 1 or more
    /// @return this builder
    public Builder maxTokens(int tokens) {
      maxTokens = tokens;
      return this;
    }

    /// Works on at most this many tokens at once, which bounds the workspace; calls with more are
    /// cut into slices.
    ///
    /// @param tokens 1 or more
    /// @return this builder
    public Builder chunkTokens(int tokens) {
      chunkTokens = tokens;
      return this;
    }

    /// Whether `fused_out` may be the caller's output.
    ///
    /// @param mode off, on where possible, or required
    /// @return this builder
    public Builder outputAliasing(AliasMode mode) {
      aliasing = mode;
      return this;
    }

    /// Whether any plan in which some layer's output must be copied is refused: short for
    /// [AliasMode#REQUIRE], or else [AliasMode#AUTO].
    ///
    /// @param on true for an exception instead of a copy
    /// @return this builder
    public Builder requireAlias(boolean on) {
      return outputAliasing(on ? AliasMode.REQUIRE : AliasMode.AUTO);
    }

    /// Whether scratch buffers may share memory; on by default.
    ///
    /// @param on false gives each scratch buffer bytes that no other has
    /// @return this builder
    public Builder workspaceReuse(boolean on) {
      reuse = on;
      return this;
    }

    /// Whether shared experts and residual are added by the final reduction; on by default.
    ///
    /// @param on false keeps each addition a step
    /// @return this builder
    public Builder foldAdditions(boolean on) {
      fold = on;
      return this;
    }

    /// Has sessions check every run: outputs and workspace are poisoned, guards stand between
    /// buffers, inputs are checksummed, everything written is scanned, and an unaliased run beside
    /// it must agree to the bit. Slow.
    ///
    /// @param on false unless set
    /// @return this builder
    public Builder sanitize(boolean on) {
      sanitize = on;
      return this;
    }

    /// How activations enter the products with quantised weights; [Precision#EXACT] by default.
    ///
    /// @param wanted one that the backend has ([dev.tornadomoe.plan.Precision])
    /// @return this builder
    public Builder precision(Precision wanted) {
      precision = wanted;
      return this;
    }

    /// Where the backend's own buffers live.
    ///
    /// @param kind host unless set
    /// @return this builder
    public Builder memory(MemoryKind kind) {
      memory = kind;
      return this;
    }

    /// Uses these pieces instead of the catalogue's choice.
    ///
    /// @param modular for every layer
    /// @return this builder
    public Builder modularMoe(ModularMoe modular) {
      return modularMoe(layer -> modular);
    }

    /// Uses these pieces, which may differ from layer to layer, instead of the catalogue's choice.
    ///
    /// @param ofLayer called once for each layer
    /// @return this builder
    public Builder modularMoe(Function<MoeLayer, ModularMoe> ofLayer) {
      modularMoe = ofLayer;
      return this;
    }

    /// Uses these pieces instead of the catalogue's choice where nothing else decides: neither
    /// [#modularMoe], nor a deferred output, which needs experts that leave their rows.
    ///
    /// @param modular for every layer, say those that suit a backend's device
    /// @return this builder
    public Builder preferredModularMoe(ModularMoe modular) {
      preferred = modular;
      return this;
    }

    /// Element type of hidden states and residual: F32, F16 or BF16.
    ///
    /// @param type F32 unless set
    /// @return this builder
    public Builder hiddenType(DType type) {
      hiddenType = type;
      return this;
    }

    /// What a call leaves in the output. [OutputForm#DEFERRED] leaves weighting and summing to the
    /// caller: the output has room for `[M*k, H]`, and each call brings memory for ids and weights
    /// `[M, k]`, which the layer's router writes or, with [#callerRoutes], the caller has. Unless
    /// you choose others, experts are then those that leave their rows as they are.
    ///
    /// @param form finished rows unless set
    /// @return this builder
    public Builder output(OutputForm form) {
      output = form;
      return this;
    }

    /// Element type of the output, and of normed rows: F32, F16 or BF16.
    ///
    /// @param type F32 unless set
    /// @return this builder
    public Builder outputType(DType type) {
      outputType = type;
      return this;
    }

    /// Elements from one output row to the next, for an output that is part of a wider one.
    ///
    /// @param elements H or more
    /// @return this builder
    public Builder outputStride(int elements) {
      outputStride = elements;
      return this;
    }

    /// What the output's address is a multiple of, in bytes; by default the size of its elements.
    ///
    /// @param bytes a power of two
    /// @return this builder
    public Builder outputAlignment(int bytes) {
      outputAlignment = bytes;
      return this;
    }

    /// Where the output lives.
    ///
    /// @param kind host unless set
    /// @return this builder
    public Builder outputMemory(MemoryKind kind) {
      outputMemory = kind;
      return this;
    }

    /// Whether somebody else may read or write the output while a call runs.
    ///
    /// @param on false unless set
    /// @return this builder
    public Builder sharedOutput(boolean on) {
      exclusive = !on;
      return this;
    }

    /// Whether the output is the hidden states' own memory.
    ///
    /// @param on false unless set
    /// @return this builder
    public Builder inPlace(boolean on) {
      inPlace = on;
      return this;
    }

    /// Adds rows to the result.
    ///
    /// @param from none, rows of the call, or what is in the output
    /// @return this builder
    public Builder residual(Residual from) {
      residual = from;
      return this;
    }

    /// Adds rows to the result and writes the result twice: as it is to the output, and after the
    /// norm of the next layer to memory that each call brings. The norm is of the rows in F32,
    /// before they are rounded to the output's type.
    ///
    /// @param from what is added, as for [#residual]
    /// @param next the norm of the sum
    /// @return this builder
    public Builder tail(Residual from, RmsNorm next) {
      norm = next;
      return residual(from);
    }

    /// Whether the caller gives ids and weights. Weights are final, so the caller halves them where
    /// a layer averages ([dev.tornadomoe.layer.MoeLayer#averaged]).
    ///
    /// @param on false unless set
    /// @return this builder
    public Builder callerRoutes(boolean on) {
      callerRoutes = on;
      return this;
    }

    /// Whether each call runs all layers of the plan, one after the other, as if called in turn
    /// with the same arguments, instead of one. They must have the same hidden size and, if the
    /// caller routes, the same top-k.
    ///
    /// @param on false unless set
    /// @return this builder
    public Builder wholeStep(boolean on) {
      wholeStep = on;
      return this;
    }

    /// {@return a planner with these options}
    ///
    /// @throws PlanException when the options contradict each other
    public Planner build() {
      if (maxTokens < 1) {
        throw new PlanException("a plan needs room for at least 1 token, found " + maxTokens);
      }
      if (chunkTokens < 0) {
        throw new PlanException("chunks need at least 1 token, found " + chunkTokens);
      }
      int chunk = chunkTokens == 0 ? maxTokens : Math.min(chunkTokens, maxTokens);
      AliasMode mode = aliasing;
      String requested = System.getProperty(ALIAS_PROPERTY, "on");
      if (!requested.equalsIgnoreCase("on") && !requested.equalsIgnoreCase("off")) {
        throw new PlanException(
            String.format(Locale.ROOT, "-D%s=%s: expected on or off", ALIAS_PROPERTY, requested));
      }
      if (requested.equalsIgnoreCase("off")) {
        if (aliasing == AliasMode.REQUIRE) {
          throw new PlanException(
              String.format(
                  Locale.ROOT,
                  "output aliasing is required, but -D%s=off switches it off",
                  ALIAS_PROPERTY));
        }
        mode = AliasMode.OFF;
      }
      return new Planner(
          new PlanOptions(
              maxTokens,
              chunk,
              mode,
              reuse,
              fold,
              sanitize,
              precision,
              memory,
              new CallSpec(
                  hiddenType,
                  output,
                  outputType,
                  outputStride,
                  outputAlignment == null ? outputType.bytes() : outputAlignment,
                  outputMemory,
                  exclusive,
                  inPlace,
                  residual,
                  norm,
                  callerRoutes,
                  wholeStep),
              modularMoe == null ? pieces() : modularMoe));
    }

    private Function<MoeLayer, ModularMoe> pieces() {
      ModularMoe pieces = output == OutputForm.DEFERRED ? ExpertsCatalog.deferring() : preferred;
      return layer -> pieces;
    }
  }
}
