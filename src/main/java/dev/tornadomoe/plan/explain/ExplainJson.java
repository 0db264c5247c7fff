package dev.tornadomoe.plan.explain;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.ExpertSide;
import dev.tornadomoe.modular.Travel;
import dev.tornadomoe.plan.AliasDecision;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.Hazard;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.plan.Step;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.jr.ob.JSON;

/// The explanation for programs.
final class ExplainJson {
  private final Explanation explanation;
  private final MoePlan plan;
  private final BucketPlan bucket;

  ExplainJson(Explanation explanation) {
    this.explanation = explanation;
    this.plan = explanation.plan();
    this.bucket = explanation.bucket();
  }

  String render() {
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("tokens", explanation.tokens());
    Map<String, Object> tokens = new LinkedHashMap<>();
    tokens.put("min_tokens", bucket.minTokens());
    tokens.put("max_tokens", bucket.maxTokens());
    root.put("bucket", tokens);
    root.put("copies_per_step", explanation.copiesPerStep());
    root.put("copies_per_step_before", explanation.copiesPerStepBefore());
    root.put("bytes_copied_per_step", explanation.copiedBytes());
    root.put("bytes_copied_per_step_before", explanation.copiedBytesBefore());
    root.put("operations", bucket.steps().size());
    root.put("operations_before", bucket.baseline().steps());
    root.put("workspace_bytes", bucket.workspaceBytes());
    root.put("workspace_bytes_before", bucket.baseline().workspaceBytes());
    SessionMemory memory = explanation.memory();
    if (memory != null) {
      root.put("memory", memory(memory));
    }
    List<Object> layers = new ArrayList<>();
    for (int layer = 0; layer < plan.layers().size(); layer++) {
      layers.add(layer(layer));
    }
    root.put("layers", layers);
    return JSON.std
        .with(JSON.Feature.PRETTY_PRINT_OUTPUT)
        .with(JSON.Feature.WRITE_NULL_PROPERTIES)
        .asString(root);
  }

  private Map<String, Object> memory(SessionMemory memory) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("backend", explanation.backend());
    memory
        .parts()
        .forEach((part, bytes) -> {
          Map<String, Object> both = new LinkedHashMap<>();
          both.put("host_bytes", bytes.host());
          both.put("device_bytes", bytes.device());
          json.put(part, both);
        });
    return json;
  }

  private Map<String, Object> layer(int layer) {
    AliasDecision decision = bucket.decisions().get(layer);
    Map<String, Object> alias = new LinkedHashMap<>();
    alias.put("decision", decision.aliased() ? "aliased" : "refused");
    alias.put("reason", decision.reason().name());
    alias.put("explanation", decision.explanation());
    alias.put("reasons", decision.reasons().stream().map(ExplainJson::reason).toList());
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("layer", plan.layers().get(layer).index());
    json.put("experts", plan.modularMoe(layer).experts().name());
    json.put("prepare_finalize", plan.modularMoe(layer).prepareAndFinalize().name());
    json.put("alias", alias);
    List<ExpertSide> sides = explanation.sides(layer);
    if (!sides.isEmpty()) {
      json.put("sides", sides.stream().map(ExpertSide::json).toList());
    }
    explanation.remark(layer).ifPresent(sentence -> json.put("remark", sentence));
    List<Travel> ways = explanation.travel(layer);
    if (!ways.isEmpty()) {
      json.put("travel", ways.stream().map(ExplainJson::travel).toList());
    }
    json.put("steps", bucket.stepsOf(layer).stream().map(this::step).toList());
    json.put(
        "buffers",
        explanation.buffers(layer).stream().map(buffer -> buffer(layer, buffer)).toList());
    return json;
  }

  private static Map<String, Object> travel(Travel travel) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("way", travel.way());
    json.put("used", travel.used());
    json.put("dispatch_bytes", travel.dispatchBytes());
    json.put("combine_bytes", travel.combineBytes());
    return json;
  }

  private static Map<String, Object> reason(AliasDecision.Reason reason) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("code", reason.code().name());
    json.put("meaning", reason.code().meaning());
    if (reason.detail() != null) {
      json.put("detail", reason.detail());
    }
    Hazard hazard = reason.hazard();
    if (hazard != null) {
      Map<String, Object> places = new LinkedHashMap<>();
      places.put("value", hazard.value());
      places.put("definition", hazard.definition());
      places.put("read", hazard.read());
      places.put("conflicting_write", hazard.write());
      json.put("hazard", places);
    }
    return json;
  }

  private Map<String, Object> step(Step step) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("step", step.index());
    json.put("phase", step.phase().name().toLowerCase(Locale.ROOT));
    json.put("operation", step.operation().name());
    json.put("reads", explanation.operands(step, Access::reads));
    json.put("writes", explanation.operands(step, Access::writes));
    return json;
  }

  private Map<String, Object> buffer(int layer, Buffer buffer) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", buffer.operand().name());
    json.put("operands", explanation.operands(layer, buffer));
    json.put("dtype", buffer.dtype().name());
    List<Long> shape = new ArrayList<>();
    for (int axis = 0; axis < buffer.shape().rank(); axis++) {
      shape.add(buffer.shape().dimension(axis));
    }
    json.put("shape", shape);
    json.put("bytes", buffer.bytes());
    switch (buffer.location()) {
      case Buffer.Slot slot -> {
        json.put("place", "workspace");
        Map<String, Object> bytes = new LinkedHashMap<>();
        bytes.put("offset", slot.offset());
        bytes.put("bytes", slot.bytes());
        json.put("slot", bytes);
      }
      case Buffer.Caller caller -> {
        json.put("place", "caller");
        json.put("region", caller.region().toString());
      }
    }
    return json;
  }
}
