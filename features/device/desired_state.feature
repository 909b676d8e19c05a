@device
Feature: Desired state
  What the WFM publishes is what the device runs: no more, no less, and it says so.

  @req:DS-072 @req:DS-002 @req:ST-011 @req:DS-071 @req:DS-053 @behaviour:US-01
  Scenario Outline: Applications are deployed
    Given a device that is managed by the WFM
    When the WFM publishes <count> applications
    Then the device installs all <count> applications and reports each
    And it fetched "primary" before it installed it

    Examples:
      | count |
      | 1     |
      | 2     |
      | 3     |

  @req:DEV-04 @feature:helm
  Scenario: A chart is deployed
    Given a device that is managed by the WFM
    When the WFM publishes "chart" release 1 as a helm deployment
    Then the device deploys the chart of "chart"

  @req:DEV-05 @feature:compose
  Scenario: A Compose archive is deployed
    Given a device that is managed by the WFM
    When the WFM publishes "archive" release 1 as a compose deployment
    Then the device deploys the archive of "archive"

  @req:DS-072 @req:ST-020 @req:ST-021 @req:ST-001 @behaviour:US-03
  Scenario: An application is updated to a new release
    Given the device runs "primary" release 1
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
    And it reports the progress of "primary"
    And it reports the version that "primary" came with

  @req:DS-072 @req:ST-020 @behaviour:US-04
  Scenario: An application gets other parameters
    Given the device runs "primary" release 1
    When the WFM publishes "primary" release 1 with other parameters
    Then the device installs "primary" and reports it
    And it reports the version that "primary" came with

  @req:DS-002 @req:DS-073 @req:DS-074 @req:DS-039 @behaviour:US-02
  Scenario Outline: Applications are removed, and the others stay
    Given the device runs 3 applications
    When the WFM withdraws <count> applications
    Then the device removes all <count> applications and reports each
    And the device leaves "tertiary" alone

    Examples:
      | count |
      | 1     |
      | 2     |

  @req:DS-073 @req:DS-074 @behaviour:US-02
  Scenario: The last application is removed, and comes again
    Given the device runs "primary" release 1
    When the WFM withdraws "primary"
    Then the device removes "primary" and reports it
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

  @req:DS-069 @req:DS-072 @behaviour:US-05
  Scenario: Many changes in quick succession end on the newest
    Given the device runs "primary" release 1
    When the WFM publishes releases 2 to 6 of "primary" in quick succession
    Then the device ends on the newest desired state

  @req:DS-072 @req:ST-020 @behaviour:US-06
  Scenario: An operator goes back to an earlier release
    Given the device runs "primary" release 2
    When the WFM publishes "primary" release 1
    Then the device installs "primary" and reports it
    And it reports the version that "primary" came with

  @req:DS-068
  Scenario: The device says which desired state it has
    Given the device runs "primary" release 1
    Then it says which desired state it has when it asks again
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
    And it says which desired state it has when it asks again
