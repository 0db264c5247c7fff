package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.cli.parallel.ArrayCall;
import dev.tornadomoe.cli.parallel.TokenExtras;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.TensorView;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Inputs of a layer with the outputs they should have.
///
/// @param tokens M
/// @param input `[M, H]`
/// @param output `[M, H]`
/// @param extras what a call brings beside
/// @param states what the layer's router should hand on, `[M, R]`; of none for others
/// @param source who says so
@SuppressWarnings("ArrayRecordComponent") // never compared
record Reference(
    int tokens, float[] input, float[] output, TokenExtras extras, float[] states, String source) {
  private static final Pattern INPUT = Pattern.compile("layer(\\d+)/m(\\d+)/input");
  private static final Pattern INPUT_OF_PART = Pattern.compile("(.+)/" + INPUT.pattern());

  /// Ascending.
  private static final int[] MADE_UP_TOKENS = {1, 7, 33};

  /// The cases of a `golden.safetensors`, by layer: `layer<L>/m<M>/input` and `/output`, F32 `[M,
  /// H]`. What routers ask beside is in `golden_extra.safetensors`, `layer<L>/m<M>/input_ids` or
  /// `/router_states`, and so is what they hand on, `/router_states_out`.
  ///
  /// @param parts of the model, asked for where the file has cases of parts
  /// @param layers of the model, by their indices
  /// @throws CheckpointException when they are misshapen or none are there, or some are of no part
  static TreeMap<Integer, List<Reference>> golden(
      TensorFile file, Supplier<List<String>> parts, IntFunction<MoeLayer> layers) {
    TreeMap<Integer, List<Reference>> cases = golden(file, "", layers);
    if (cases.isEmpty()) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: no tensor called layer<L>/m<M>/input", file.file()));
    }
    requireParts(file, parts);
    return cases;
  }

  private static void requireParts(TensorFile file, Supplier<List<String>> parts) {
    Map<String, String> cases = casesOfParts(file);
    List<String> known = cases.isEmpty() ? List.of() : parts.get();
    cases.forEach((part, name) -> {
      if (!known.contains(part)) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: \"%s\" is a case of a part that the model doesn't have; its parts: %s",
                file.file(),
                name,
                known));
      }
    });
  }

  /// {@return the parts that a `golden.safetensors` has cases of, in alphabetical order}
  static List<String> partsIn(TensorFile file) {
    return List.copyOf(casesOfParts(file).keySet());
  }

  /// By part, one of its cases each.
  private static Map<String, String> casesOfParts(TensorFile file) {
    Map<String, String> cases = new TreeMap<>();
    for (String name : file.names()) {
      Matcher matcher = INPUT_OF_PART.matcher(name);
      if (matcher.matches()) {
        cases.putIfAbsent(matcher.group(1), name);
      }
    }
    return cases;
  }

  /// Those of one part of a model, perhaps none.
  ///
  /// @param place what stands before the cases' names: nothing, or the part's name and a slash
  /// @param layers of the part, by their indices
  /// @throws CheckpointException when they are misshapen
  static TreeMap<Integer, List<Reference>> golden(
      TensorFile file, String place, IntFunction<MoeLayer> layers) {
    TreeMap<Integer, List<Reference>> cases = new TreeMap<>();
    for (String name : file.names()) {
      Matcher matcher = INPUT.matcher(name);
      matcher.region(name.startsWith(place) ? place.length() : name.length(), name.length());
      if (!matcher.matches()) {
        continue;
      }
      int layer = number(file, name, matcher.group(1));
      int tokens = number(file, name, matcher.group(2));
      String prefix = name.substring(0, name.length() - "input".length());
      MoeLayer of = layers.apply(layer);
      cases
          .computeIfAbsent(layer, l -> new ArrayList<>())
          .add(
              withExtras(
                  file,
                  prefix,
                  of,
                  new Reference(
                      tokens,
                      rows(file, name, tokens, of.hidden()),
                      rows(file, prefix + "output", tokens, of.hidden()),
                      new TokenExtras(tokens, Map.of()),
                      new float[0],
                      "golden.safetensors")));
    }
    cases.values().forEach(ofLayer -> ofLayer.sort(Comparator.comparingInt(Reference::tokens)));
    return cases;
  }

  /// With what its calls bring and write beside, which is in another file.
  private static Reference withExtras(
      TensorFile golden, String prefix, MoeLayer layer, Reference plain) {
    if (!ExtraTensors.areUsed(layer)) {
      return plain;
    }
    int tokens = plain.tokens();
    try (TensorFile extra =
        TensorFile.open(golden.file().resolveSibling("golden_extra.safetensors"))) {
      return new Reference(
          tokens,
          plain.input(),
          plain.output(),
          ExtraTensors.read(extra, prefix, layer, tokens),
          layer.routerStates() == 0
              ? plain.states()
              : rows(extra, prefix + ExtraTensors.STATES + "_out", tokens, layer.routerStates()),
          plain.source());
    }
  }

  /// How far a run is off.
  ///
  /// @param actual its output
  /// @param written what its call brought beside, and what came of it
  Comparison.Deviation deviation(float[] actual, TokenExtras written) {
    Comparison.Deviation ofOutput = Comparison.Deviation.of(output, actual);
    return states.length == 0
        ? ofOutput
        : ofOutput.or(Comparison.Deviation.of(states, ExtraTensors.states(written)));
  }

  private static int number(TensorFile file, String name, String digits) {
    try {
      return Integer.parseInt(digits);
    } catch (NumberFormatException e) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT, "%s: tensor \"%s\" has a number that is too large", file.file(), name),
          e);
    }
  }

  private static float[] rows(TensorFile file, String name, int tokens, int hidden) {
    TensorView tensor = file.require(name);
    if (tensor.dtype() != DType.F32 || !tensor.shape().is(tokens, hidden)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s %s, expected F32 [%d, %d]",
              file.file(),
              name,
              tensor.dtype(),
              tensor.shape(),
              tokens,
              hidden));
    }
    return tensor.toFloats();
  }

  /// Cases made up from seeded random inputs, with what the reference backend computes.
  static List<Reference> madeUp(MoeLayer layer) {
    Planner planner =
        Planner.builder()
            .maxTokens(MADE_UP_TOKENS[MADE_UP_TOKENS.length - 1])
            .outputAliasing(AliasMode.OFF)
            .build();
    List<Reference> cases = new ArrayList<>();
    try (Session session = Backends.require("reference").prepare(planner.plan(layer))) {
      for (int tokens : MADE_UP_TOKENS) {
        float[] input = new float[tokens * layer.hidden()];
        Random random = new Random(layer.index() * 1000L + tokens);
        for (int i = 0; i < input.length; i++) {
          input[i] = (float) random.nextGaussian();
        }
        float[] output = new float[input.length];
        TokenExtras extras = ExtraTensors.madeUp(layer, tokens);
        TokenExtras written = extras.copy();
        session.run(ArrayCall.of(input, tokens, output, written));
        float[] states = ExtraTensors.states(written);
        cases.add(new Reference(tokens, input, output, extras, states, "reference backend"));
      }
    }
    return cases;
  }
}
