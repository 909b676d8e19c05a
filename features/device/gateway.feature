@device @feature:gateway-see-thru
Feature: Gateways
  A gateway speaks for the devices behind it, and says which one it speaks of.

  @req:DC-032 @req:DC-033
  Scenario: A gateway reports itself before the devices behind it
    Given a device that is managed by the WFM
    Then the gateway reports itself, and then each device behind it

  @req:DC-018 @feature:gateway-non-hosting
  Scenario: A gateway that hosts nothing offers nothing
    Given a device that is managed by the WFM
    Then the gateway reports itself, and then each device behind it
    And it offers no place for workloads itself

  @req:DC-036 @req:DC-032 @needs:children
  Scenario: Devices behind the gateway come and go
    Given a device that is managed by the WFM
    When a device comes behind the gateway
    Then the gateway reports that it is there
    When a device goes from behind the gateway
    Then the gateway says that it is gone

  @req:ST-006 @req:DS-076
  Scenario: A deployment for a device behind the gateway is installed there
    Given a device that is managed by the WFM
    When the WFM publishes "primary" for a device behind the gateway
    Then "primary" is installed there, and the report says where

  @req:ST-016 @req:ST-013 @req:ST-017
  Scenario: A gateway does not guess where a deployment should go
    Given a device that is managed by the WFM
    When the WFM publishes "primary" for a device that the gateway does not know
    Then the gateway says that it does not know where "primary" should go
    When the WFM publishes "secondary" for a device behind the gateway
    Then "secondary" is installed there, and the report says where

  @req:ST-016 @req:ST-013 @req:ST-017 @needs:children
  Scenario: A gateway says when it cannot reach a device behind it
    Given a device that is managed by the WFM
    When the WFM publishes "primary" for a device that the gateway cannot reach
    Then the gateway says that it cannot reach where "primary" should go
    When the gateway reaches that device again
    And the WFM publishes "secondary" for a device behind the gateway
    Then "secondary" is installed there, and the report says where

  @req:AD-007 @req:ST-016 @feature:gateway-directed
  Scenario: A gateway that cannot choose says so
    Given a device that is managed by the WFM
    When the WFM leaves it to the gateway where "primary" goes
    Then the gateway says that it cannot choose where "primary" goes
    When the WFM publishes "secondary" for a device behind the gateway
    Then "secondary" is installed there, and the report says where

  @req:DC-035 @feature:gateway-hosting
  Scenario: A gateway that hosts workloads says what it offers, like any host
    Given a device that is managed by the WFM
    Then the gateway reports itself, and then each device behind it
    And the gateway reports what it offers itself

  @req:DS-072 @req:DS-076 @feature:gateway-hosting
  Scenario: A gateway that hosts workloads runs what is for it and what is for others
    Given the device runs "primary" release 1
    When the WFM publishes "secondary" for a device behind the gateway
    Then "secondary" is installed there, and the report says where
    And "primary" still runs on the device

  @req:ST-006 @req:DS-076 @feature:gateway-autonomous
  Scenario: A gateway that may choose does
    Given a device that is managed by the WFM
    When the WFM has the gateway choose where "primary" goes
    Then "primary" is installed where the gateway chose

  @req:DC-036 @req:DC-032 @req:ST-016 @req:ST-013 @req:ST-017 @needs:children
  Scenario: A device that is gone from behind the gateway is unknown until it comes again
    Given a device that is managed by the WFM
    When a device comes behind the gateway
    Then the gateway reports that it is there
    When the device that came goes again
    Then the gateway says that it is gone
    When the WFM publishes "primary" for the device that is gone
    Then the gateway says that it does not know where "primary" should go
