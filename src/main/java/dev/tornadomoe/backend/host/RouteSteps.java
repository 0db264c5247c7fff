package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.modular.RouteOperation;

/// The operations that say which row goes where: the same on every host backend.
final class RouteSteps {
  private RouteSteps() {}

  static HostStep compile(RouteOperation operation, StepContext context) {
    int topK = context.layer().topK();
    ExpertMap map = context.experts();
    return switch (operation) {
      case RouteOperation.SelectExperts select -> new SelectStep(context, select);
      case RouteOperation.GroupByExpert group ->
          new GroupStep(
              topK,
              map,
              context.buffer(group.ids()),
              context.buffer(group.order()),
              context.buffer(group.offsets()));
      case RouteOperation.Dispatch dispatch ->
          new DispatchStep(
              context.columns(dispatch.input(), dispatch.batched()),
              topK,
              context.maxTokens(),
              map,
              context.buffer(dispatch.input()),
              context.buffer(dispatch.ids()),
              context.buffer(dispatch.batched()),
              context.buffer(dispatch.counts()),
              context.buffer(dispatch.rows()));
    };
  }
}
