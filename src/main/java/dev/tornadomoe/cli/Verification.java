package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Runs a checkpoint's layers and compares: with its `golden.safetensors` where there is one, else
/// with the reference backend on made-up inputs.
///
/// @param choices what plans and runs it
/// @param alias whether `fused_out` may be the output
/// @param sanitize whether every run is checked for breaches
/// @param err for progress and for what a sanitised run finds
record Verification(PlanChoices choices, AliasMode alias, boolean sanitize, PrintWriter err) {

  /// All cases of one checkpoint.
  ///
  /// @throws dev.tornadomoe.MoeException when it can't be used
  List<Case> run(Path directory) {
    Backend backend = choices.backend();
    List<Case> cases = new ArrayList<>();
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = MoeModel.of(checkpoint);
      Path golden = checkpoint.directory().resolve("golden.safetensors");
      for (Map.Entry<Integer, List<Reference>> layer :
          references(directory, golden, model).entrySet()) {
        cases.addAll(run(directory, backend, model.layer(layer.getKey()), layer.getValue()));
      }
    }
    return cases;
  }

  private TreeMap<Integer, List<Reference>> references(
      Path directory, Path golden, MoeModel model) {
    if (Files.exists(golden, LinkOption.NOFOLLOW_LINKS)) {
      try (TensorFile file = TensorFile.open(golden)) {
        return Reference.golden(file, model.hidden());
      }
    }
    if (model.layerIndices().isEmpty()) {
      throw new LayerException("%s: the model has no MoE layers".formatted(directory));
    }
    int first = model.layerIndices().getFirst();
    err.println(
        "%s: no golden.safetensors, comparing layer %d with the reference backend"
            .formatted(directory, first));
    TreeMap<Integer, List<Reference>> madeUp = new TreeMap<>();
    madeUp.put(first, Reference.madeUp(model.layer(first)));
    return madeUp;
  }

  private List<Case> run(
      Path directory, Backend backend, MoeLayer layer, List<Reference> references) {
    int most = references.stream().mapToInt(Reference::tokens).max().orElse(1);
    MoePlan plan =
        choices
            .planner(alias, backend, List.of(layer))
            .maxTokens(Math.max(1, most))
            .sanitize(sanitize)
            .build()
            .plan(layer);
    List<Case> cases = new ArrayList<>();
    try (Session session =
        LoadingBar.prepare(backend, plan, "loading layer " + layer.index(), err)) {
      for (Reference reference : references) {
        Case.Deviation error = error(directory, layer, session, reference);
        cases.add(
            new Case(
                directory.toString(),
                layer.index(),
                reference.tokens(),
                backend.name(),
                choices.precision(),
                plan.bucket(reference.tokens()).decisions().getFirst().aliased(),
                reference.source(),
                error));
      }
    }
    return cases;
  }

  private Case.Deviation error(
      Path directory, MoeLayer layer, Session session, Reference reference) {
    float[] output = new float[reference.output().length];
    try {
      session.run(
          MemorySegment.ofArray(reference.input()),
          reference.tokens(),
          MemorySegment.ofArray(output));
      return Case.Deviation.of(reference.output(), output);
    } catch (SanitizeException e) {
      err.println(
          "%s: layer %d, %d tokens: %s"
              .formatted(directory, layer.index(), reference.tokens(), e.getMessage()));
      return Case.Deviation.NONE;
    }
  }
}
