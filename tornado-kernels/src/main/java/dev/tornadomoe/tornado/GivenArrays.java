package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TokenKey;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.CallerRows;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.graph.LayerArrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// Arrays that an engine has given for a layer, and whether the plan allows them.
@SuppressWarnings("ReferenceEquality") // the same array is the same buffer on the device
final class GivenArrays {
  @Nullable FloatArray input;
  @Nullable FloatArray output;
  @Nullable FloatArray residual;
  @Nullable IntArray ids;
  @Nullable FloatArray routerWeights;
  @Nullable IntArray tokenIds;
  @Nullable FloatArray routerStates;
  @Nullable FloatArray normWeights;
  @Nullable FloatArray normed;

  /// Puts them where the layer's operands are.
  ///
  /// @param index of the layer
  /// @param tokens the most of the graph
  /// @throws BackendException when they do not fit the plan
  void giveTo(LayerArrays arrays, MoePlan plan, int index, int tokens) {
    CallSpec spec = plan.options().call();
    MoeLayer layer = plan.layers().get(index);
    int rows = tokens * layer.hidden();
    FloatArray from = require("input", input, rows);
    CallerRows outputRows = CallerRows.of(spec, CallerRegion.OUTPUT, layer);
    FloatArray to = require("output", output, Math.toIntExact(outputRows.elements(tokens)));
    if (spec.inPlace() != (from == to)) {
      throw new BackendException(
          spec.inPlace()
              ? "the plan is in place: input and output must be the same array"
              : "OVERLAPS_INPUT: input and output are the same array, which the plan does not"
                  + " allow; plan with inPlace(true)");
    }
    arrays.give(CallerRegion.HIDDEN, from);
    arrays.give(CallerRegion.OUTPUT, to);
    giveResidual(arrays, spec, to, rows);
    giveTail(arrays, spec, List.of(from, to), layer.hidden(), rows);
    for (TokenKey key : plan.keys(index)) {
      IntArray values =
          switch (key.kind()) {
            case ID -> tokenIds;
          };
      CallerRegion region = CallerRegion.of(key.kind());
      arrays.give(region, require(region.toString(), values, tokens));
    }
    giveStates(arrays, plan, index, List.of(from, to), tokens);
    if (spec.takesRouting() != (ids != null)) {
      throw new BackendException(
          spec.takesRouting()
              ? "the plan needs arrays for ids and weights from the caller (routing)"
              : "ids and weights are given, but the plan uses the layer's router");
    }
    if (ids != null && routerWeights != null) {
      int pairs = tokens * layer.topK();
      arrays.give(CallerRegion.TOPK_IDS, require("topk_ids", ids, pairs));
      arrays.give(CallerRegion.TOPK_WEIGHTS, require("topk_weights", routerWeights, pairs));
    }
  }

  private void giveResidual(LayerArrays arrays, CallSpec spec, FloatArray to, int rows) {
    if (spec.residual() == Residual.GIVEN) {
      FloatArray added = require("residual", residual, rows);
      if (added == to) {
        throw new BackendException(
            "OVERLAPS_INPUT: residual and output are the same array, which the plan does not allow;"
                + " plan with residual(IN_OUTPUT)");
      }
      arrays.give(CallerRegion.RESIDUAL, added);
    } else if (residual != null) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "a residual is given, but the plan says residual %s", spec.residual()));
    }
  }

  private void giveStates(
      LayerArrays arrays, MoePlan plan, int index, List<FloatArray> others, int tokens) {
    if (!plan.results(index).contains(CallerRegion.ROUTER_STATES)) {
      return;
    }
    int elements = tokens * plan.layers().get(index).routerStates();
    FloatArray states = require("router_states", routerStates, elements);
    if (others.contains(states) || states == residual || states == normed) {
      throw new BackendException(
          "OVERLAPS_RESULT: router_states is the same array as input, output, residual or normed,"
              + " which no plan allows");
    }
    arrays.give(CallerRegion.ROUTER_STATES, states);
  }

  private void giveTail(
      LayerArrays arrays, CallSpec spec, List<FloatArray> others, int hidden, int rows) {
    if (spec.norm() == null) {
      if (normed != null) {
        throw new BackendException(
            "an array for normed rows is given, but the plan has no tail that writes any");
      }
      return;
    }
    FloatArray target = require("normed", normed, rows);
    if (others.contains(target) || target == residual) {
      throw new BackendException(
          "OVERLAPS_RESULT: normed is the same array as input, output or residual, which the plan"
              + " does not allow");
    }
    arrays.give(CallerRegion.NORM_WEIGHTS, require("norm_weights", normWeights, hidden));
    arrays.give(CallerRegion.NORMED, target);
  }

  private static <T extends TornadoNativeArray> T require(
      String what, @Nullable T array, int elements) {
    if (array == null) {
      throw new BackendException(String.format(Locale.ROOT, "the layer has no %s", what));
    }
    if (array.getSize() < elements) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "%s has %d elements, expected at least %d",
              what,
              array.getSize(),
              elements));
    }
    return admitted(what, array);
  }

  /// An array that TornadoVM tells from ours.
  static <T> T admitted(String what, T array) {
    if (!DeviceArrays.admits(array)) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "%s has the identity hash code of another array, and TornadoVM would take them for"
                  + " one; allocate it anew",
              what));
    }
    return array;
  }
}
